/** How many attacks of each kind were made in the time. */
export function attack(address: string, options: { seconds: number; seed: number }): Promise<Record<string, number>>;
