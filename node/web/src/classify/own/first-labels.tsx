/** The first and the last labels of a file, by which people see whether it is the right one. */
import { useEffect, useState } from "preact/hooks";

const SHOWN_AT_EACH_END = 3;

export function FirstLabels({ file }: { readonly file: File }) {
  const [lines, setLines] = useState<readonly string[]>([]);
  useEffect(() => {
    let isCurrent = true;
    void file.text().then((text) => {
      if (isCurrent) setLines(text.split(/\r?\n/).filter((line) => line.trim() !== ""));
    });
    return () => {
      isCurrent = false;
    };
  }, [file]);
  if (lines.length === 0) return null;
  const isCut = lines.length > 2 * SHOWN_AT_EACH_END;
  const first = isCut ? lines.slice(0, SHOWN_AT_EACH_END) : lines;
  return (
    <p class="small first-labels">
      {file.name}: <span dir="auto">{first.join(", ")}</span>
      {isCut && (
        <>
          {" "}
          … <span dir="auto">{lines.slice(-SHOWN_AT_EACH_END).join(", ")}</span>
        </>
      )}
    </p>
  );
}
