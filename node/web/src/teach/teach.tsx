/** The view that teaches: photos in, class by class; a model that tells them apart out. */
import { useEffect } from "preact/hooks";
import { KeyField } from "../components/key-field.js";
import { NeedsRole } from "../components/needs-role.js";
import { steps, undo } from "./album.js";
import { Columns } from "./columns.js";
import { beginFrom } from "./from-model.js";
import { intake } from "./intake.js";
import { job, takeUpJob, teaching } from "./job.js";
import { Kept } from "./kept.js";
import { Outcome } from "./outcome.js";
import { TrainPanel } from "./train-panel.js";

export { takeIn } from "./intake.js";

export function Teach({ from }: { readonly from: string | null }) {
  const mayTeach = teaching.value === "yes";
  useEffect(() => {
    if (mayTeach) void takeUpJob();
  }, [mayTeach]);
  useEffect(() => {
    if (from !== null) void beginFrom(from);
  }, [from]);
  useEffect(() => {
    const given = new AbortController();
    document.addEventListener("keydown", undoByKey, { signal: given.signal });
    return () => given.abort();
  }, []);
  const { result } = job.value ?? {};
  return (
    <>
      <h1>Teach a model your own classes</h1>
      <KeyField />
      <p>
        Put photos of each class in, train, and try what came of it. It runs on this server; what you get is a model
        that is served here, and a frozen graph to take away.
      </p>
      {teaching.value === "no" && (
        <p class="warnings" role="status">
          This service does not teach. Photos can be gathered here all the same; its operator can switch teaching on
          (TEACH=on).
        </p>
      )}
      {teaching.value === "forbidden" && <NeedsRole />}
      <Columns />
      <Kept />
      <TrainPanel />
      {result !== undefined && job.value !== null && <Outcome id={job.value.id} result={result} />}
    </>
  );
}

function undoByKey(event: KeyboardEvent): void {
  const isTyping = event.target instanceof HTMLInputElement && event.target.type === "text";
  if (event.key !== "z" || !(event.ctrlKey || event.metaKey) || event.shiftKey || isTyping) return;
  if (steps.value.length === 0 || intake.value !== null) return;
  event.preventDefault();
  void undo();
}
