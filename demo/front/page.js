"use strict";

// Everything that others wrote, names and messages, is set as text and never as HTML.

const PAUSE_MILLISECONDS = 1500;
const at = (id) => document.getElementById(id);
const verdict = at("verdict");
const breaking = at("inject") !== null; // whether the dispensers are simulated

function make(tag, className, ...content) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...content);
  return element;
}

function link(text, url) {
  const element = make("a", "", text);
  // A rule can hold any text as its link; only what a browser opens as a page becomes one.
  if (/^https?:\/\//.test(url)) element.href = url;
  return element;
}

function act(text, className, ...path) {
  const button = make("button", className, text);
  button.type = "button";
  button.addEventListener("click", () => tell(button, ...path));
  return button;
}

async function tell(button, ...path) {
  button.disabled = true;
  try {
    const answer = await fetch(path.map((part) => `/${encodeURIComponent(part)}`).join(""), {method: "POST"});
    say((await answer.text()).trim());
  } catch {
    say("the demo does not answer");
  } finally {
    button.disabled = false;
  }
  await refresh();
}

function say(text) {
  at("said").hidden = text === "done";
  at("said").textContent = text;
}

function age(since) {
  const seconds = Math.max(0, Math.round(Date.now() / 1000 - since));
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

function showAlerts(alerts) {
  const firing = (alerts || []).filter((one) => one.state === "firing");
  at("alerts-count").textContent = alerts === null ? "unknown" : alerts.length ? `${firing.length} firing` : "";
  at("calm").hidden = alerts === null || alerts.length > 0;
  at("alerts").replaceChildren(...(alerts || []).map((one) => {
    const item = make("li", `alert ${one.severity} ${one.state}`);
    const state = one.state === "firing" ? one.severity : "pending: fires if it stays so";
    const links = make("nav", "", make("span", "count", `${state} · ${age(one.since)}`));
    if (one.runbook) links.append(link("What to do", one.runbook));
    if (one.dashboard) links.append(link("Dashboard", one.dashboard));
    item.append(make("h3", "", one.about ? `${one.summary} · ${one.about}` : one.summary),
                make("p", "", one.description), links);
    return item;
  }));
  return firing.length;
}

function showDispenser(one, chosen) {
  const item = make(breaking ? "button" : "div", `dispenser ${one.health}`, make("b", "", one.name));
  if (one.hot_celsius !== null && one.health === "up") {
    item.firstChild.append(make("i", "", `${one.hot_celsius.toFixed(0)} °C`));
  }
  item.classList.toggle("ill", one.health === "down" || one.faults.length > 0);
  item.append(make("span", "", one.place));
  if (one.health === "down") item.append(make("span", "wrong", `cannot be read: ${one.reason || "no reason known"}`));
  if (one.health === "unknown") item.append(make("span", "", "not read yet"));
  if (one.faults.length) item.append(make("span", "wrong", one.faults.join(", ").replaceAll("_", " ")));
  if (one.injected.length) item.append(make("span", "broken", `broken: ${one.injected.join(", ").replaceAll("_", " ")}`));
  if (breaking) {
    item.type = "button";
    item.classList.toggle("chosen", one.name === chosen);
    item.addEventListener("click", () => {
      at("dispenser").value = one.name;
      refresh();
    });
  }
  return item;
}

function showDispensers(dispensers) {
  const known = dispensers || [];
  const up = known.filter((one) => one.health === "up").length;
  at("dispensers-count").textContent = dispensers === null ? "unknown" : `${up} of ${known.length} are read`;
  if (breaking) offer(known);
  const chosen = breaking ? at("dispenser").value : "";
  const sites = new Map();
  for (const one of known) sites.set(one.site, [...(sites.get(one.site) || []), one]);
  const focused = document.activeElement?.dataset?.name;
  at("sites").replaceChildren(...[...sites].flatMap(([site, ones]) => [
    make("h3", "site", site),
    make("div", "grid", ...ones.map((one) => {
      const item = showDispenser(one, chosen);
      item.dataset.name = one.name;
      return item;
    })),
  ]));
  if (focused) at("sites").querySelector(`[data-name="${CSS.escape(focused)}"]`)?.focus();
}

function offer(dispensers) {
  const list = at("dispenser");
  const names = dispensers.map((one) => one.name);
  if (names.join("\n") === [...list.options].map((one) => one.value).join("\n")) return;
  const before = list.value;
  list.replaceChildren(...names.map((name) => new Option(name, name)));
  if (names.includes(before)) list.value = before;
}

function showReplicas(replicas) {
  at("replicas-card").hidden = replicas.length === 0;
  const focused = document.activeElement?.dataset?.act;
  at("replicas").replaceChildren(...replicas.map((one) => {
    const state = make("span", one.state === "runs" ? "runs" : "not", one.state);
    const acts = one.state === "runs" ? [["Kill", "kill"], ["Hang", "hang"]] : [["Mend", "mend"]];
    const buttons = acts.map(([text, name]) => {
      const button = act(text, "", "replicas", one.number, name);
      button.dataset.act = `${one.number} ${name}`;
      return button;
    });
    return make("li", "replica", make("p", "", make("b", "", `API server ${one.number}: `, state), one.url), ...buttons);
  }));
  if (focused) at("replicas").querySelector(`[data-act="${CSS.escape(focused)}"]`)?.focus();
}

function showMessages(state) {
  const refused = state.refused ? `, ${state.refused} refused` : "";
  at("messages-count").textContent = state.delivered === null ? "unknown" : `${state.delivered} delivered${refused}`;
  at("silence").hidden = state.delivered !== 0;
  at("messages").replaceChildren(...state.messages.map((one) => {
    const time = make("time", "", new Date(one.time * 1000).toLocaleTimeString());
    return make("li", one.accepted ? "message" : "message refused", time, one.title);
  }));
}

function showProcesses(state) {
  const targets = state.targets === null ? "unknown" : `${state.targets_up} of ${state.targets} targets are scraped`;
  at("targets").textContent = targets;
  at("processes").replaceChildren(...state.processes.map((one) => make("li", one.running ? "runs" : "ended", one.name)));
}

function show(state) {
  at("trouble").hidden = state.trouble.length === 0;
  at("trouble").textContent = state.trouble.join(" ");
  const firing = showAlerts(state.alerts);
  showDispensers(state.dispensers);
  showReplicas(state.replicas);
  showMessages(state);
  showProcesses(state);
  const known = state.alerts !== null;
  verdict.className = `verdict ${!known ? "" : firing ? "bad" : "good"}`;
  verdict.textContent = !known ? "unknown" : firing ? `${firing} alert${firing > 1 ? "s" : ""} firing` : "nothing is firing";
  document.title = firing ? `(${firing}) Tapwatch demo` : "Tapwatch demo";
}

let turn = 0;

async function refresh() {
  const mine = ++turn;
  try {
    const answer = await fetch("/state");
    const state = await answer.json();
    if (mine === turn) show(state); // an answer that was overtaken would show what is no longer so
  } catch {
    verdict.className = "verdict bad";
    verdict.textContent = "the demo does not answer; it may have ended";
  }
}

async function follow() {
  for (;;) {
    if (!document.hidden) await refresh();
    await new Promise((resume) => setTimeout(resume, PAUSE_MILLISECONDS));
  }
}

if (breaking) {
  const explain = () => { at("fault-text").textContent = at("fault").selectedOptions[0].dataset.text; };
  at("fault").addEventListener("change", explain);
  at("dispenser").addEventListener("change", refresh);
  at("inject").addEventListener("click", () => tell(at("inject"), "dispensers", at("dispenser").value, "faults", at("fault").value));
  at("clear").addEventListener("click", () => tell(at("clear"), "dispensers", at("dispenser").value, "clear"));
  at("clear-all").addEventListener("click", () => tell(at("clear-all"), "dispensers", "clear"));
  explain();
}
follow();
