/** Ready code for a request, with a button that copies it. */
import { useEffect, useId, useState } from "preact/hooks";
import { commandsFor, type Request } from "../commands.js";
import { announcement, key } from "../state.js";

const COPIED_SHOWN_MS = 2000;

export function Commands({ request }: { readonly request: Request }) {
  const name = useId();
  const commands = commandsFor(request, document.baseURI.replace(/[^/]*([?#].*)?$/, ""), key.value !== "");
  const [language, setLanguage] = useState("curl");
  const code = commands.find((command) => command.language === language)?.code ?? "";
  return (
    <div class="commands">
      <div class="bar-of-choices">
        <fieldset class="choices">
          <legend class="unseen">Language</legend>
          {commands.map((command) => (
            <label key={command.language}>
              <input
                type="radio"
                name={name}
                checked={command.language === language}
                onChange={() => setLanguage(command.language)}
              />
              {command.language}
            </label>
          ))}
        </fieldset>
        <CopyButton text={code} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard. */}
      <pre tabIndex={0}>
        <code>{code}</code>
      </pre>
    </div>
  );
}

function CopyButton({ text }: { readonly text: string }) {
  const [said, setSaid] = useState<string | null>(null);
  useEffect(() => {
    if (said === null) return;
    const timer = setTimeout(() => setSaid(null), COPIED_SHOWN_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async () => {
    const words = await putOnClipboard(text);
    setSaid(words);
    announcement.value = words;
  };
  return (
    <button type="button" class="copy" onClick={() => void copy()}>
      {said ?? "Copy"}
    </button>
  );
}

/** Browsers offer the clipboard to pages of this machine and of HTTPS alone. */
async function putOnClipboard(text: string): Promise<string> {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied";
  } catch {
    return "Select and copy it";
  }
}
