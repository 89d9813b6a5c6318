// Before anything is drawn: the theme that was chosen here, if one was.
try {
  const theme = localStorage.getItem("hale.theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // Without storage the system's theme is used.
}
