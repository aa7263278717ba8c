/** What a registered model is called. */
const ID = /^[a-z0-9][a-z0-9._-]{0,63}$/;

export function isId(text: string): boolean {
  return ID.test(text);
}

interface Props {
  readonly id: string;
  readonly value: string;
  readonly onInput: (text: string) => void;
}

export function IdField({ id, value, onInput }: Props) {
  return (
    <div class="field">
      <label for={id}>Id</label>
      <input
        id={id}
        type="text"
        autocapitalize="off"
        spellcheck={false}
        value={value}
        aria-describedby={`${id}-help`}
        aria-invalid={!isId(value) || undefined}
        onInput={({ currentTarget }) => onInput(currentTarget.value)}
      />
      <p id={`${id}-help`} class="help">
        Lower-case letters, digits, dots, dashes and underscores; at most 64.
      </p>
    </div>
  );
}
