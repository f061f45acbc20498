// Filters of a list of the ledger: paper, verdict, basis.
addEventListener("DOMContentLoaded", () => {
  for (const list of document.querySelectorAll(".ledger")) {
    const form = list.querySelector("form");
    const rows = [...list.querySelectorAll("li")];
    const show = () => {
      const wanted = [...new FormData(form)].filter(([, value]) => value);
      for (const row of rows)
        row.hidden = wanted.some(([key, value]) => row.dataset[key] !== value);
      const left = rows.filter((row) => !row.hidden).length;
      form.querySelector("output").value = `${left} of ${rows.length}`;
    };
    form.addEventListener("change", show);
    show();
  }
  const opened = document.getElementById(location.hash.slice(1));
  opened?.querySelector("details")?.setAttribute("open", "");
});
