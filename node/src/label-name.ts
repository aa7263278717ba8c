/** How two labels are alike for people, whatever their bytes are. */
export function nameOf(label: string): string {
  return label.normalize("NFC").replaceAll("_", " ").trim().toLowerCase();
}
