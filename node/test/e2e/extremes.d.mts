import type { Page } from "playwright-core";

export function strain(page: Page): Promise<void>;
export const LONG_NAME: string;
