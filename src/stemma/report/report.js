"use strict";
// Sorting, filtering, and opening what a link leads to. Without this script all is readable, in the order of the ranking.

for (const table of document.querySelectorAll("table.sortable")) {
  for (const head of table.tHead.rows[0].cells) {
    if (!head.hasAttribute("data-sorts")) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(table, head));
  }
}

function sort(table, head) {
  const now = head.getAttribute("aria-sort") ?? "none";
  const first = head.dataset.sorts === "down" ? "descending" : "ascending";
  const other = first === "ascending" ? "descending" : "ascending";
  const order = now === first ? other : first;
  const sign = order === "ascending" ? 1 : -1;
  for (const each of head.parentNode.cells) each.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", order);
  const rows = [...table.tBodies[0].rows].map((row) => ({ row, key: row.cells[head.cellIndex].dataset.value ?? "" }));
  rows.sort((a, b) => compare(a.key, b.key, sign));
  table.tBodies[0].append(...rows.map(({ row }) => row));
}

function compare(a, b, sign) {
  if (a === "" || b === "") return (a === "") - (b === ""); // what is not known stays last
  const [x, y] = [Number(a), Number(b)];
  return sign * (Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y);
}

for (const form of document.querySelectorAll("form.filter")) {
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => filter(form));
}

function filter(form) {
  const text = form.elements.text.value.trim().toLowerCase();
  const family = form.elements.family.value;
  const fits = (each) =>
    (family === "" || each.dataset.family === family) && each.dataset.name.toLowerCase().includes(text);
  for (const each of form.closest("section").querySelectorAll("[data-name]")) each.classList.toggle("out", !fits(each));
  const rows = [...form.closest("section").querySelectorAll("table.ranking tbody tr")];
  form.elements.shown.value = `${rows.filter(fits).length} of ${rows.length} experiments`;
}

function reveal() {
  document.getElementById(decodeURIComponent(location.hash.slice(1)))?.closest("details")?.setAttribute("open", "");
}
addEventListener("hashchange", reveal);
reveal();
