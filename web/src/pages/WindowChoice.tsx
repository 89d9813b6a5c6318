import { getRouteApi } from "@tanstack/react-router";
import { WINDOWS } from "../router";
import { Segments } from "../ui/parts";

const route = getRouteApi("/machine");

/** How much time the charts of the Machine view show; kept in the address. */
export function WindowChoice() {
  const { window } = route.useSearch();
  const navigate = route.useNavigate();
  return (
    <Segments
      label="Window"
      value={window}
      options={WINDOWS.map((w) => [w, w.replace(/(\d+)/, "$1 ").replace(" m", " min")] as const)}
      onChange={(to) => void navigate({ search: (old) => ({ ...old, window: to }), replace: true })}
    />
  );
}
