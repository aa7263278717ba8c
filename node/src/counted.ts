/** `1 photo`, `2 photos`: a count in a sentence. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
