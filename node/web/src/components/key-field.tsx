/** The API key, for a service that wants one. The field has no name, so that no form carries it. */
import { poll } from "../poll.js";
import { blame, key, reply, setKey, wantsKey } from "../state.js";

export function KeyField() {
  if (!wantsKey.value) return null;
  return (
    <div id="access" class="field">
      <label for="key">API key</label>
      <input
        id="key"
        type="password"
        autocomplete="off"
        spellcheck={false}
        aria-describedby="key-help"
        aria-invalid={blame.value === "unauthorized" || blame.value === "forbidden" || undefined}
        value={key.value}
        onChange={({ currentTarget }) => {
          setKey(currentTarget.value);
          void poll();
          if (reply.value?.kind === "refusal") reply.value.retry();
        }}
      />
      <p id="key-help" class="help">
        This service answers those who have a key. It is forgotten when this tab is closed.
      </p>
    </div>
  );
}
