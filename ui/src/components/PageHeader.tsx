import { type ReactNode, useEffect } from "react";

interface PageHeaderProps {
  title: string;
  /** Beside the title. */
  badge?: ReactNode;
  /** Below it, small. */
  about?: ReactNode;
  actions?: ReactNode;
}

/** The head of a page; the window takes its title too. */
export function PageHeader({ title, badge, about, actions }: PageHeaderProps) {
  useEffect(() => {
    document.title = `${title} · Penstock`;
  }, [title]);
  return (
    <header className="flex flex-wrap items-start gap-x-4 gap-y-2 px-4 pt-4 pb-3 md:px-6">
      <div className="mr-auto min-w-0">
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <h1 className="min-w-0 truncate text-xl font-semibold tracking-tight" tabIndex={-1}>
            {title}
          </h1>
          {badge}
        </div>
        {about && <div className="mt-0.5 text-sm text-quiet">{about}</div>}
      </div>
      {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
    </header>
  );
}
