// The page of one flow: opens it with a key, runs it, shows what comes. The key lives in its input field alone.
"use strict";

const POLL_SECONDS = 20;
const byId = (id) => document.getElementById(id);

function say(text, wrong = false) {
  byId("message").textContent = text;
  byId("message").classList.toggle("wrong", wrong);
}

function headers() {
  return { Authorization: `Bearer ${byId("key").value.trim()}` };
}

async function refusal(response) {
  try {
    const problem = await response.json();
    const fields = (problem.errors || []).map((error) => `${error.path}: ${error.message}`);
    return [problem.detail, ...fields].join("\n");
  } catch {
    return `The server answered ${response.status}.`;
  }
}

async function unlock(event) {
  event.preventDefault();
  const key = byId("key").value;
  const response = await fetch(location.href, { headers: headers() });
  if (!response.ok) return say(await refusal(response), true);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  document.title = page.title;
  document.querySelector("main").replaceWith(document.adoptNode(page.querySelector("main")));
  start();
  byId("key").value = key;
}

function inputs(form) {
  const values = {};
  for (const field of form.querySelectorAll("[data-name]")) {
    const name = field.dataset.name;
    if (field.value === "" && !field.required) continue;
    if (field.dataset.kind === "text") values[name] = field.value;
    else {
      try {
        values[name] = JSON.parse(field.value);
      } catch (error) {
        field.focus();
        throw new Error(`${name} is not valid JSON: ${error.message}`);
      }
    }
  }
  return values;
}

function show(value) {
  byId("result").textContent = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  byId("result").hidden = false;
}

async function follow(root, id) {
  let status = null;
  do {
    const response = await fetch(`${root}/executions/${id}?wait=${status ? POLL_SECONDS : 0}`, { headers: headers() });
    if (!response.ok) return say(await refusal(response), true);
    status = await response.json();
    byId("progress").hidden = false;
    byId("progress").value = status.progress;
    say(`${id}: ${status.status}, ${status.progress} %, ${status.elapsedTime}`, status.status === "failed");
  } while (["pending", "running", "paused"].includes(status.status));
  if (status.results !== null) return show(status.results);
  if (status.error) return show(status.error);
  const response = await fetch(`${root}/executions/${id}/results`, { headers: headers() });
  return response.ok ? show(await response.json()) : say(await refusal(response), true);
}

async function run(event) {
  event.preventDefault();
  const form = event.target;
  const background = event.submitter && event.submitter.value === "async";
  const buttons = form.querySelectorAll("button");
  byId("result").hidden = true;
  byId("progress").hidden = true;
  buttons.forEach((button) => { button.disabled = true; });
  try {
    const body = JSON.stringify(inputs(form));
    say("Running …");
    const response = await fetch(background ? form.dataset.async : form.dataset.sync, {
      method: "POST",
      headers: { ...headers(), "Content-Type": "application/json" },
      body,
    });
    if (!response.ok) say(await refusal(response), true);
    else if (response.status === 202) await follow(document.querySelector("main").dataset.root, (await response.json()).executionId);
    else {
      say(`Done: ${response.headers.get("Execution-Id")}`);
      show(await response.json());
    }
  } catch (error) {
    say(error.message, true);
  } finally {
    buttons.forEach((button) => { button.disabled = false; });
  }
}

async function copy(event) {
  const button = event.target;
  await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

function start() {
  byId("unlock")?.addEventListener("submit", unlock);
  byId("try")?.addEventListener("submit", run);
  document.querySelectorAll("button.copy").forEach((button) => button.addEventListener("click", copy));
}

start();
