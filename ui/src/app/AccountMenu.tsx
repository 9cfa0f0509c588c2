import { CircleUser, LogOut, Monitor, Moon, Sun } from "lucide-react";
import { IconButton } from "@/components/Button";
import { Menu, MenuChoice, MenuItem, MenuLine, MenuNote } from "@/components/Menu";
import { endSession } from "@/session/session";
import { useWhoami } from "@/session/whoami";
import { chooseTheme, type Theme, useTheme } from "./theme";

export const THEMES = [
  { value: "system", label: "As the system", icon: <Monitor aria-hidden size={14} /> },
  { value: "light", label: "Light", icon: <Sun aria-hidden size={14} /> },
  { value: "dark", label: "Dark", icon: <Moon aria-hidden size={14} /> },
] as const satisfies { value: Theme; label: string; icon: unknown }[];

/** Whose key it is, the theme, and signing out. */
export function AccountMenu() {
  const whoami = useWhoami();
  const theme = useTheme();
  return (
    <Menu
      trigger={
        <IconButton label="Account">
          <CircleUser aria-hidden size={18} />
        </IconButton>
      }
    >
      {whoami && (
        <MenuNote>
          Key <strong className="font-medium text-text">{whoami.key.name}</strong>
          <br />
          {whoami.organization.name} / {whoami.project.name}
        </MenuNote>
      )}
      <MenuLine />
      <MenuChoice label="Theme" value={theme} options={THEMES} onChange={(value) => chooseTheme(value as Theme)} />
      <MenuLine />
      <MenuItem icon={<LogOut aria-hidden size={14} />} onSelect={() => endSession()}>
        Sign out
      </MenuItem>
    </Menu>
  );
}
