import { Link } from "@tanstack/react-router";
import { buttonClasses } from "@/components/Button";
import { Empty } from "@/components/Notices";
import { PageHeader } from "@/components/PageHeader";

/** An address that no page has. */
export function NotFound() {
  return (
    <div>
      <PageHeader title="Not found" />
      <Empty title="There is no page at this address">
        <p>It may have been typed wrong, or what it showed is somewhere else now.</p>
        <p>
          <Link to="/executions" className={buttonClasses("primary")}>
            Go to the executions
          </Link>
        </p>
      </Empty>
    </div>
  );
}
