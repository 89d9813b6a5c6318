// Replaces the changing part of the page every few seconds, and says when that fails.
const live = document.getElementById("live");
const lost = document.getElementById("lost");
let since = null;

async function refresh() {
  try {
    const response = await fetch("/live", { signal: AbortSignal.timeout(4000) });
    live.innerHTML = await response.text();
    since = null;
    lost.hidden = true;
  } catch {
    since ??= new Date();
    lost.textContent = `The agent has not answered since ${since.toLocaleTimeString()}: what is shown is older.`;
    lost.hidden = false;
  }
  setTimeout(refresh, document.hidden ? 15000 : 3000);
}

setTimeout(refresh, 3000);
