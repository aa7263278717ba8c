/** The view that teaches. Few visits open it, so that its script comes when one does. */
import { useEffect, useState } from "preact/hooks";

type View = typeof import("../teach/teach.js");

export function loadTeach(): Promise<View> {
  return import("../teach/teach.js");
}

export function TeachLater({ from }: { readonly from: string | null }) {
  const [view, setView] = useState<View | null>(null);
  const [isLost, setLost] = useState(false);
  useEffect(() => {
    loadTeach().then(setView, () => setLost(true));
  }, []);
  if (isLost) return <p role="alert">This view did not come. Reload the page.</p>;
  return view === null ? <p>Loading …</p> : <view.Teach from={from} />;
}
