// The moment that is looked at, out of the URL: every view follows it. None: now, live.

import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";

export function useAt(): string | undefined {
  return useSearch({ from: "__root__", select: (search) => search.at });
}

/** Goes to a moment, or with none back to now; everything else in the URL stays. */
export function useGoTo(): (at: string | undefined) => void {
  const navigate = useNavigate();
  return useCallback(
    (at) => {
      void navigate({ to: ".", search: (old) => ({ ...old, at }), replace: true });
    },
    [navigate],
  );
}
