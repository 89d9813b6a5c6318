// A question of the guard, and the person's answer. What is critical is only approved by typing YES.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useId, useState } from "react";
import { ApiFailure, change } from "../api/client";
import type { ApprovalView } from "../api/model";
import { useSession } from "../api/queries";
import { useAt } from "../lib/at";
import { plural } from "../lib/format";
import { useNow } from "../lib/now";
import { duration, secondsBetween } from "../lib/time";
import { Chip, Code, Risk } from "./parts";

export function Decision({
  approval,
  compact = false,
}: {
  approval: ApprovalView;
  compact?: boolean;
}) {
  const at = useAt();
  const now = useNow();
  const client = useQueryClient();
  const [typed, setTyped] = useState("");
  const [rejecting, setRejecting] = useState(false);
  const [why, setWhy] = useState("");
  const field = useId();
  const answer = useMutation({
    mutationFn: ({ yes }: { yes: boolean }) =>
      yes
        ? change(`/approvals/${approval.id}/approve`, isCritical ? { confirm: typed } : {})
        : change(`/approvals/${approval.id}/reject`, why.trim() ? { why: why.trim() } : {}),
    onSettled: () =>
      client.invalidateQueries({
        predicate: (q) => /^\/(approvals|incidents|audit)/.test(String(q.queryKey[0])),
      }),
  });
  const { action, verdict } = approval;
  const isCritical = action.risk === "critical" || verdict.risk === "critical";
  const left = -secondsBetween(approval.expires_at, now);
  const isOver = approval.state !== "pending" || left <= 0;
  const session = useSession().data?.data;
  const onlyReads = session !== undefined && !session.may_change;
  const mayApprove = !onlyReads && (!isCritical || typed === "YES");

  return (
    <article className="decision" data-risk={action.risk} data-line tabIndex={-1}>
      <header>
        <div>
          <strong>
            {action.kind} <span className="muted">on</span> {action.target}
          </strong>
          {approval.incident_id && compact ? (
            <Link
              to="/incidents/$id"
              params={{ id: approval.incident_id }}
              search={(old) => ({ at: old.at })}
            >
              The incident
            </Link>
          ) : null}
        </div>
        <div className="chips">
          <Risk risk={action.risk} />
          <Chip>{verdict.reversible ? "can be undone" : "cannot be undone"}</Chip>
          <Chip>touches {plural(verdict.blast_radius, "thing")}</Chip>
        </div>
      </header>
      <p>{action.why}</p>
      <Code>{action.command}</Code>
      {compact ? null : (
        <ul className="reasons">
          {verdict.reasons.map((reason) => (
            <li key={reason.rule}>
              {reason.text} <code>{reason.rule}</code>
            </li>
          ))}
        </ul>
      )}
      {at ? (
        <p className="muted">This is how it stood then. Answers are given in the present.</p>
      ) : isOver ? (
        <p className="muted">
          {approval.state === "pending"
            ? "Too late: the question has lapsed."
            : `Answered: ${approval.state}.`}
        </p>
      ) : (
        <footer>
          {isCritical ? (
            <label className="typed" htmlFor={field}>
              <span>
                Critical: type <b>YES</b> to approve
              </span>
              <input
                id={field}
                value={typed}
                onChange={(e) => setTyped(e.target.value)}
                autoComplete="off"
                spellCheck={false}
              />
            </label>
          ) : null}
          {rejecting ? (
            <label className="typed wide" htmlFor={`${field}-why`}>
              <span>Why not? (optional, kept with the incident)</span>
              <input
                id={`${field}-why`}
                value={why}
                onChange={(e) => setWhy(e.target.value)}
                maxLength={500}
              />
            </label>
          ) : null}
          {onlyReads ? (
            <p className="muted sign-in-hint">
              This browser only reads. To answer: <code>hale open</code> at a terminal, or{" "}
              <a href="/signin">sign in</a>.
            </p>
          ) : null}
          <div className="buttons">
            <button
              type="button"
              className="button primary"
              disabled={!mayApprove || answer.isPending}
              onClick={() => answer.mutate({ yes: true })}
            >
              Approve
            </button>
            <button
              type="button"
              className="button"
              disabled={onlyReads || answer.isPending}
              onClick={() => (rejecting ? answer.mutate({ yes: false }) : setRejecting(true))}
            >
              {rejecting ? "Reject now" : "Reject"}
            </button>
            <span className="muted lapse">lapses in {duration(left)}</span>
          </div>
        </footer>
      )}
      {answer.error ? <Refused error={answer.error} /> : null}
    </article>
  );
}

/** Why a change was not made, and what to do. */
export function Refused({ error }: { error: Error }) {
  const needsSignIn = error instanceof ApiFailure && error.needsSignIn;
  const hint = error instanceof ApiFailure ? error.hint : null;
  return (
    <div className="failure" role="alert">
      <p>
        <strong>{needsSignIn ? "This browser is not signed in" : error.message}</strong>
      </p>
      <p>
        {needsSignIn
          ? "At a terminal, as the user that hale runs as: hale open. It opens this dashboard signed in."
          : hint}
      </p>
    </div>
  );
}
