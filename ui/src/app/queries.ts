import { QueryClient } from "@tanstack/react-query";
import { Problem } from "@/api/problem";

const ATTEMPTS = 3;

/** What has been read of the server, kept while it is of use. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      retry: (failures, error) => failures < ATTEMPTS && error instanceof Problem && error.passing,
      refetchOnWindowFocus: true,
    },
    mutations: { retry: false },
  },
});
