// Before the first paint, so that nobody who has chosen dark sees a flash of light.
{
  const chosen = localStorage.getItem("penstock.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}
