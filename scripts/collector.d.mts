export function installCollector(): { readonly path: string } | { readonly reason: string };
