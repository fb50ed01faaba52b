"use strict";

const chat = document.getElementById("chat");
const refusals = document.getElementById("refusals");
const state = document.getElementById("state");
const template = document.getElementById("message");
const QUIET_SECONDS = 300; // after so long a silence the time is shown again, as chats do

let last = 0;
let delivered = 0;
let refused = 0;
let lastShown = 0;

function moment(time) {
  const options = {month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit"};
  return new Date(time * 1000).toLocaleString([], options);
}

function showMoment(time) {
  const item = document.createElement("li");
  item.className = "moment";
  item.textContent = moment(time);
  chat.append(item);
}

function fill(bubble, message) {
  if (message.html) {
    // The server renders markdown with HTML switched off, and the page's policy runs no script but this one.
    bubble.innerHTML = message.html;
    for (const link of bubble.querySelectorAll("a")) {
      link.target = "_blank";
      link.rel = "noreferrer noopener";
    }
  } else {
    bubble.classList.add("plain");
    bubble.textContent = [message.title, message.text].filter(Boolean).join("\n\n") || "(nothing readable)";
  }
}

function build(message, name, note) {
  const item = template.content.cloneNode(true);
  item.querySelector(".name").textContent = name;
  item.querySelector(".note").textContent = note;
  fill(item.querySelector(".bubble"), message);
  return item;
}

function show(message) {
  const name = message.robot || "unknown robot";
  last = message.number;
  if (!message.accepted) {
    refused += 1;
    const why = `${moment(message.time)} · errcode ${message.errcode}: ${message.errmsg}`;
    refusals.prepend(build(message, name, why));
    document.getElementById("refused").hidden = false;
  } else if (!message.repeated) {
    delivered += 1;
    document.getElementById("empty").hidden = true;
    if (message.time - lastShown > QUIET_SECONDS) showMoment(message.time);
    lastShown = message.time;
    const time = new Date(message.time * 1000).toLocaleTimeString();
    chat.append(build(message, `${name} · ${time}`, message.notes.join(" ")));
  }
}

async function follow() {
  for (;;) {
    try {
      const answer = await fetch(`/messages?after=${last}&wait=2`);
      const messages = await answer.json();
      const atEnd = chat.scrollHeight - chat.scrollTop - chat.clientHeight < 80;
      messages.forEach(show);
      if (messages.length && atEnd) chat.scrollTop = chat.scrollHeight;
      state.textContent = `${delivered} delivered` + (refused ? ` · ${refused} refused` : "");
    } catch {
      state.textContent = "the stand-in does not answer";
      await new Promise((resume) => setTimeout(resume, 1000));
    }
  }
}

follow();
