import { useEffect, useState } from "react";

/** A text field that tells its value when nobody has typed for a moment, and follows when it is changed from outside. */
export function useDebounced(value: string, tell: (value: string) => void, afterMs = 250) {
  const [typed, setTyped] = useState(value);
  const [known, setKnown] = useState(value);
  if (known !== value) {
    setKnown(value);
    setTyped(value);
  }
  useEffect(() => {
    if (typed === value) return;
    const timer = setTimeout(() => tell(typed), afterMs);
    return () => clearTimeout(timer);
  }, [typed, value, tell, afterMs]);
  return [typed, setTyped] as const;
}
