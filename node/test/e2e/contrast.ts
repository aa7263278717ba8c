/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/**
 * Contrast of the text on a page by WCAG 2.2, 1.4.3: (L1 + 0.05) / (L2 + 0.05) with the relative luminance of
 * https://www.w3.org/TR/WCAG22/#dfn-relative-luminance.
 */
import type { Page } from "playwright-core";

/** Visible texts whose contrast with what is behind them is below `ratioMin`, each with its ratio. */
export function contrastsBelow(page: Page, ratioMin: number): Promise<string[]> {
  return page.evaluate((minimum) => {
    const channels = (color: string) => (color.match(/[\d.]+/g) ?? []).map(Number);
    const luminance = (color: string) => {
      const [red = 0, green = 0, blue = 0] = channels(color).map((value) => {
        const share = value / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const isOpaque = (color: string) => (channels(color)[3] ?? 1) === 1;
    const groundOf = (element: Element): string => {
      const color = getComputedStyle(element).backgroundColor;
      const above = element.parentElement;
      return isOpaque(color) || above === null ? color : groundOf(above);
    };

    const failures: string[] = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const element = texts.currentNode.parentElement;
      const text = texts.currentNode.textContent?.trim() ?? "";
      if (element === null || text === "" || !element.checkVisibility() || element.closest(".unseen")) {
        continue;
      }
      const light = [luminance(getComputedStyle(element).color), luminance(groundOf(element))];
      const ratio = (Math.max(...light) + 0.05) / (Math.min(...light) + 0.05);
      if (ratio < minimum) {
        failures.push(`${ratio.toFixed(2)}: ${text.slice(0, 40)}`);
      }
    }
    return failures;
  }, ratioMin);
}
