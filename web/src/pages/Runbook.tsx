import { getRouteApi, Link } from "@tanstack/react-router";
import { useDeferredValue } from "react";
import { useRunbook } from "../api/queries";
import { percent, plural, words } from "../lib/format";
import { Answered, Chip, Empty, Find, Meter, Panel, When } from "../ui/parts";

const route = getRouteApi("/runbook");

export function Runbook() {
  const { find } = route.useSearch();
  const navigate = route.useNavigate();
  const runbook = useRunbook(useDeferredValue(find));
  return (
    <div className="view">
      <header className="view-head">
        <h1>Runbook</h1>
        <Find
          value={find}
          onChange={(to) =>
            void navigate({ search: (old) => ({ ...old, find: to }), replace: true })
          }
          placeholder="Describe a symptom"
        />
      </header>
      <Answered of={runbook} lines={10}>
        {({ data }) => (
          <>
            {data.hits.length > 0 ? (
              <Panel title="Best fits">
                <ol className="plain stack">
                  {data.hits.map((hit) => (
                    <li key={hit.id} className="hit-line">
                      <Chip>{hit.what}</Chip> <strong>{hit.title}</strong>
                      {hit.excerpt ? <p className="muted">{hit.excerpt}</p> : null}
                    </li>
                  ))}
                </ol>
              </Panel>
            ) : null}
            <Panel title="Learned here" aside={plural(data.lessons.length, "lesson")}>
              {data.lessons.length === 0 ? (
                <Empty title={find ? "No lesson fits" : "Nothing was learned yet"}>
                  Each cure that was proven, and each that failed, is kept as a lesson: symptom,
                  action, class of target.
                </Empty>
              ) : (
                <ul className="plain lessons">
                  {data.lessons.map((lesson) => (
                    <li key={lesson.id} data-line tabIndex={-1}>
                      <div>
                        <strong>{lesson.title}</strong>
                        <p className="muted">
                          {lesson.alert_kind} → {lesson.action_kind} on {words(lesson.target_class)}
                          {lesson.incident_id ? (
                            <>
                              {" · "}
                              <Link
                                to="/incidents/$id"
                                params={{ id: lesson.incident_id }}
                                search={(old) => ({ at: old.at })}
                              >
                                last incident
                              </Link>
                            </>
                          ) : null}
                        </p>
                        {lesson.withdrawn ? <p>{lesson.withdrawn}</p> : null}
                      </div>
                      <Chip
                        tone={
                          lesson.trust === "withdrawn"
                            ? "critical"
                            : lesson.trust === "unproven"
                              ? "quiet"
                              : "ok"
                        }
                      >
                        {words(lesson.trust)}
                      </Chip>
                      <div className="lesson-record">
                        <Meter
                          value={lesson.reliability}
                          tone="accent"
                          label={`likely to work again: ${percent(lesson.reliability * 100)}`}
                        />
                        <span className="num">{percent(lesson.reliability * 100)}</span>
                        <small className="muted">
                          {lesson.successes} proven, {lesson.failures} failed ·{" "}
                          <When time={lesson.last_at} />
                        </small>
                      </div>
                    </li>
                  ))}
                </ul>
              )}
            </Panel>
            <Panel title="Written down" aside={plural(data.knowledge.length, "entry", "entries")}>
              {data.knowledge.length === 0 ? (
                <Empty title={find ? "No entry fits" : "No knowledge is here"}>
                  hale ships some; hale runbook import brings more.
                </Empty>
              ) : (
                <ul className="plain known">
                  {data.knowledge.map((entry) => (
                    <li key={entry.id} data-line tabIndex={-1}>
                      <div>
                        <strong>{entry.title}</strong>
                        <p className="muted">{[...entry.alert_kinds, ...entry.tags].join(" · ")}</p>
                      </div>
                      <Chip tone={entry.kind === "gotcha" ? "medium" : "info"}>{entry.kind}</Chip>
                      <code className="muted">hale runbook show {entry.id}</code>
                    </li>
                  ))}
                </ul>
              )}
            </Panel>
          </>
        )}
      </Answered>
    </div>
  );
}
