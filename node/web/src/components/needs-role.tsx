import { service, wantsKey } from "../state.js";

/** Says that a change needs a key, and opens the field for it where the service has keys. */
export function NeedsRole() {
  if (service.value?.keys === false) {
    return <p>This service has no API keys, and lets nobody change its models without one.</p>;
  }
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
