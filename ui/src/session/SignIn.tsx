import { type FormEvent, useEffect, useState } from "react";
import { api } from "@/api/client";
import { detailOf, Problem } from "@/api/problem";
import { Button } from "@/components/Button";
import { Checkbox, Field, Input } from "@/components/Fields";
import { beginSession, useSession } from "./session";

/** One field: the key. Whether it is right is asked of the server before anything is kept. */
export function SignIn() {
  const { ended } = useSession();
  const [key, setKey] = useState("");
  const [remembered, setRemembered] = useState(false);
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<string | null>(null);
  useEffect(() => {
    document.title = "Sign in · Penstock";
  }, []);
  const signIn = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFault(await faultOf(key.trim()));
    setBusy(false);
  };
  // The route sends on whoever has a key, so there is nothing to do after this.
  const faultOf = async (tried: string) => {
    if (tried === "") return "Paste a key first.";
    try {
      await api.GET("/whoami", { headers: { Authorization: `Bearer ${tried}` } });
      beginSession(tried, { remembered });
      return null;
    } catch (error) {
      return error instanceof Problem && error.status === 401
        ? "The server does not know this key, or it has expired or been revoked. Check that all of it was copied."
        : detailOf(error);
    }
  };
  return (
    <main className="grid min-h-dvh place-items-center bg-sunken p-4">
      <form
        onSubmit={signIn}
        className="grid w-full max-w-96 gap-5 rounded-xl border border-line bg-raised p-6 shadow-float"
      >
        <div className="grid gap-3">
          <img src="/ui/icon.svg" alt="" width={32} height={32} />
          <div>
            <h1 className="text-xl font-semibold tracking-tight">Sign in to Penstock</h1>
            <p className="text-sm text-pretty text-quiet">
              {ended ??
                "With a key of your project. The server printed the first one when it was started for the first time."}
            </p>
          </div>
        </div>
        <Field
          label="Key"
          fault={fault}
          hint={
            <>
              It begins with psk_. <code className="font-mono">penstock keys create NAME --scope admin</code> makes
              another one, where the server runs.
            </>
          }
        >
          {(bound) => (
            <Input
              {...bound}
              autoFocus
              type="password"
              autoComplete="current-password"
              spellCheck={false}
              value={key}
              onChange={(event) => setKey(event.target.value)}
              className="font-mono"
            />
          )}
        </Field>
        <label className="flex items-start gap-2 text-sm">
          <Checkbox
            className="mt-0.75"
            checked={remembered}
            onChange={(event) => setRemembered(event.target.checked)}
          />
          <span>
            Stay signed in on this device
            <span className="block text-xs text-pretty text-quiet">
              {remembered
                ? "The key stays in this browser until you sign out. Only on a device that is yours."
                : "The key is forgotten when this tab is closed."}
            </span>
          </span>
        </label>
        <Button type="submit" look="primary" busy={busy} className="h-9">
          Sign in
        </Button>
      </form>
    </main>
  );
}
