import { wantsKey } from "../state.js";

/** Says that a change needs a key, and opens the field for it. */
export function NeedsRole() {
  return (
    <p>
      This needs an API key of the role <b>models</b>.{" "}
      <button
        type="button"
        onClick={() => {
          wantsKey.value = true;
          requestAnimationFrame(() => document.getElementById("key")?.focus());
        }}
      >
        Enter a key
      </button>
    </p>
  );
}
