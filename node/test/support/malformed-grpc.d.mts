/** How many attacks of each kind were made in the time. */
export function attack(address: string, options: { seconds: number; seed: number }): Promise<Record<string, number>>;
export const PREFACE: Buffer;
export function frame(type: number, flags: number, stream: number, payload: Buffer, length?: number): Buffer;
export function block(headers: readonly (readonly [string, string | Buffer])[]): Buffer;
