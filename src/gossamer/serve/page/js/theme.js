// Not a module: it runs before the page is drawn, so that it never flashes in the other theme.
"use strict";

(() => {
  const KEY = "gossamer-theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;

  function isDark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
  }

  function show() {
    document.getElementById("theme")?.setAttribute("aria-pressed", String(isDark()));
  }

  let kept = null;
  try {
    kept = localStorage.getItem(KEY);
  } catch {
    // Storage is forbidden here: the system's theme it is.
  }
  if (kept === "dark" || kept === "light") root.dataset.theme = kept;

  system.addEventListener("change", show);
  addEventListener("DOMContentLoaded", () => {
    show();
    document.getElementById("theme").addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      try {
        localStorage.setItem(KEY, root.dataset.theme);
      } catch {
        // As above: it holds until the page is left.
      }
      show();
    });
  });
})();
