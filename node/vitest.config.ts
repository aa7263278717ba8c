import { defineConfig } from "vitest/config";

/** Real engines and browsers run in these tests, on machines with few and busy cores: deadlines are generous. */
export default defineConfig({
  root: import.meta.dirname,
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/temporary-folder.ts"],
    testTimeout: 120_000,
    hookTimeout: 180_000,
    teardownTimeout: 60_000,
    expect: { poll: { timeout: 60_000 } },
    maxWorkers: 2,
    pool: "forks",
  },
});
