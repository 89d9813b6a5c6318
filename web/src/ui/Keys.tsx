import { KEYS } from "../lib/keys";
import { Dialog } from "./dialog";

export function Keys({ onClose }: { onClose: () => void }) {
  return (
    <Dialog label="Keys" onClose={onClose}>
      <header className="dialog-head">
        <h2>Keys</h2>
        <button type="button" className="ghost" onClick={onClose}>
          Close
        </button>
      </header>
      <div className="keys">
        {KEYS.map((group) => (
          <section key={group.group}>
            <h3>{group.group}</h3>
            <dl>
              {group.keys.map((key) => (
                <div key={key.keys}>
                  <dt>
                    {key.keys.split(" ").map((k) => (
                      <kbd key={k}>{k}</kbd>
                    ))}
                  </dt>
                  <dd>{key.does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
