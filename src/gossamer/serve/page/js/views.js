// On a narrow screen one side is shown at a time: tabs choose which.

const VIEWS = ["talk", "understood"];
const tabOf = (view) => document.getElementById(`tab-${view}`);

/** Whether one side is shown at a time; `style.css` has the same width. */
export function isNarrow() {
  return matchMedia("(max-width: 719px)").matches;
}

/** Show a side; on a wide screen both are shown anyway. */
export function showView(view) {
  document.body.dataset.view = view;
  for (const name of VIEWS) {
    tabOf(name).setAttribute("aria-selected", String(name === view));
    tabOf(name).tabIndex = name === view ? 0 : -1;
  }
}

/** Make the tabs work, with the mouse and the arrow keys. */
export function startTabs() {
  for (const view of VIEWS) {
    tabOf(view).addEventListener("click", () => showView(view));
    tabOf(view).addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      const other = VIEWS.find((name) => name !== view);
      showView(other);
      tabOf(other).focus();
    });
  }
}
