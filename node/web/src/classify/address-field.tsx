/** A photo by its address, where the operator allows addresses. */
import { useState } from "preact/hooks";
import { takePhoto } from "./ask.js";

export function AddressField() {
  const [address, setAddress] = useState("");
  const take = () => {
    const trimmed = address.trim();
    if (trimmed !== "") takePhoto({ name: trimmed, file: null, address: trimmed });
  };
  return (
    <div class="field">
      <label for="address">Or the address of a photo</label>
      <div class="with-button">
        <input
          id="address"
          type="url"
          inputMode="url"
          placeholder="https://"
          value={address}
          onInput={({ currentTarget }) => setAddress(currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            event.preventDefault();
            take();
          }}
        />
        <button type="button" onClick={take}>
          Fetch
        </button>
      </div>
    </div>
  );
}
