/** The models of a zoo on disk, as a service lists its own. */
import { openFileZoo } from "../models/file-zoo.js";

/** As an entry of `GET /api/models`, as far as a folder tells it. */
export interface Listed {
  readonly id: string;
  readonly versions: readonly string[];
  readonly served: string | null;
  readonly default: boolean;
  readonly state: string;
  readonly title: string;
  readonly description: string;
  readonly licence: string;
  readonly problem: string | null;
}

/** Every model, and every entry that cannot be read, with the reason. */
export async function listZoo(dir: string): Promise<Listed[]> {
  const damaged = new Map<string, string>();
  const zoo = await openFileZoo(dir, (entry, reason) => damaged.set(entry, reason));
  const models = zoo.list().map(({ manifest, damage, rejected, present }): Listed => {
    const { id, version, title, description, licence } = manifest;
    damaged.delete(id);
    const state = damage !== null ? "failed" : present ? "available" : "not fetched";
    return {
      id,
      versions: zoo.versionsOf(id),
      served: version,
      default: zoo.defaultId === id,
      state,
      title,
      description,
      licence,
      problem: damage ?? rejected,
    };
  });
  const unreadable = [...damaged].map(
    ([entry, problem]): Listed => ({
      id: entry,
      versions: [],
      served: null,
      default: false,
      state: "failed",
      title: entry,
      description: "",
      licence: "",
      problem,
    }),
  );
  await zoo.close();
  return [...models, ...unreadable];
}
