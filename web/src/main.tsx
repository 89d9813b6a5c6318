import "./styles/base.css";
import "./styles/shell.css";
import "./styles/parts.css";
import "./styles/pages.css";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiFailure, urlOf } from "./api/client";
import { applyEvent } from "./api/queries";
import { Stream, setStream } from "./api/stream";
import { router } from "./router";

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      gcTime: 5 * 60_000,
      refetchOnWindowFocus: true,
      // A wrong question stays wrong; an agent that is away may come back.
      retry: (count, error) =>
        error instanceof ApiFailure && error.status >= 400 && error.status < 500
          ? false
          : count < 2,
      networkMode: "always",
    },
  },
});

const stream = new Stream(urlOf("/stream"), (name, data) => applyEvent(client, name, data));
setStream(stream);
stream.start();

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </StrictMode>,
  );
}
