// What pages do besides: copy, dialogs in place, lists and forms without a reload, keys. Every page works without it.
"use strict";

const AWAY = "Daypass could not be reached. Nothing was changed. Try again.";
const UNANSWERED = "No answer came from Daypass. Look whether your change was made before you try again.";
const SLOW_MS = 150; // before a button shows that it is busy

// ── Messages and busy buttons ──────────────────────────────────────────────────────────────────────────────────────

function tell(text) {
  const toast = document.getElementById("toast");
  // A modal dialog covers the rest of the page, for screen readers too.
  (document.querySelector("dialog[open] > .dialog") ?? document.body).append(toast);
  toast.hidden = false;
  toast.textContent = text;
}

function clearMessage() {
  const toast = document.getElementById("toast");
  if (toast) { toast.hidden = true; toast.textContent = ""; }
}

async function whileBusy(element, work) {
  clearMessage();
  const timer = setTimeout(() => element?.setAttribute("aria-busy", "true"), SLOW_MS);
  try {
    return await work();
  } finally {
    clearTimeout(timer);
    element?.removeAttribute("aria-busy");
  }
}

const parsed = (text) => new DOMParser().parseFromString(text, "text/html");

// A page of Daypass; what a proxy answers while it is away is an error.
function page(text) {
  const answered = parsed(text);
  if (!answered.getElementById("content")) throw new Error(AWAY);
  return answered;
}

// ── Copy ───────────────────────────────────────────────────────────────────────────────────────────────────────────

let hasCopied = false; // the secret of this page

function sourceOf(button) {
  const id = button.dataset.copy;
  return id ? document.getElementById(id) : button.parentElement.querySelector("code, pre, textarea, input");
}

function textOf(source) {
  return source.value ?? source.textContent;
}

function confirmCopy(button, source, isDone) {
  const label = button.querySelector(".label-text");
  const name = button.getAttribute("aria-label") ?? button.textContent.trim();
  const status = document.getElementById("copied");
  if (isDone) button.dataset.copied = "";
  if (status) status.textContent = isDone ? `Copied: ${name}` : "Selected: press Control and C to copy it";
  const before = label?.textContent;
  if (label) label.textContent = isDone ? "Copied" : "Press Ctrl+C";
  setTimeout(() => { delete button.dataset.copied; if (label) label.textContent = before; }, 2000);
  if (isDone && source.matches("[data-secret]")) hasCopied = true;
}

function copyFrom(button) {
  const source = sourceOf(button);
  if (source.select) { source.focus(); source.select(); } else getSelection().selectAllChildren(source);
  // Without HTTPS, off localhost, there is no clipboard; execCommand may work, else the text stays selected.
  if (navigator.clipboard && window.isSecureContext) {
    navigator.clipboard.writeText(textOf(source)).then(
      () => confirmCopy(button, source, true), () => confirmCopy(button, source, false));
  } else {
    confirmCopy(button, source, document.execCommand("copy"));
  }
}

// ── Dialogs in place ───────────────────────────────────────────────────────────────────────────────────────────────

function fill(dialog, section) {
  section.removeAttribute("aria-labelledby");
  dialog.replaceChildren(document.adoptNode(section));
  dialog.classList.toggle("wide", section.classList.contains("wide"));
  if (dialog.querySelector("[data-secret]")) hasCopied = false;
  prepare(dialog);
  const first = dialog.querySelector("[aria-invalid='true'], [autofocus]");
  if (first) { first.focus(); return; }
  // Without a field to fill in, focus the title, not the button that revokes.
  const title = dialog.querySelector("h1");
  title.tabIndex = -1;
  title.focus();
}

function show(section, opener) {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-labelledby", "dialog-title");
  dialog.addEventListener("close", () => {
    document.body.append(document.getElementById("toast"));
    clearMessage();
    dialog.remove();
    (opener.closest("details:not([open])")?.querySelector("summary") ?? opener).focus();
  });
  // A secret must not go away by a key or a gesture: Done asks.
  dialog.addEventListener("cancel", (event) => { if (mayBeLost()) event.preventDefault(); });
  let pressed = null; // a selection dragged out of the dialog ends on the backdrop
  dialog.addEventListener("pointerdown", (event) => { pressed = event.target; });
  dialog.addEventListener("click", (event) => {
    const isOutside = event.target === dialog && pressed === dialog && !dialog.querySelector("[data-secret]");
    if (isOutside || event.target.closest("[data-close]")) {
      event.preventDefault();
      dialog.close();
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  fill(dialog, section);
}

// Whether the secret that a dialog shows was not copied.
const mayBeLost = () => !hasCopied && document.querySelector("dialog[open] [data-secret]") !== null;

let opening = false; // a second click must not open a second dialog

async function openDialog(link) {
  if (opening) return;
  opening = true;
  const busy = link.closest(".menu")?.querySelector("summary") ?? link;
  await whileBusy(busy, async () => {
    try {
      const answer = await fetch(link.href, { credentials: "same-origin" });
      const section = answer.redirected ? null : page(await answer.text()).querySelector("section.dialog");
      if (section) show(section, link);
      else window.location.assign(link.href); // signed out, or gone: the page itself shows why
    } catch {
      tell(AWAY);
    }
  });
  opening = false;
}

// ── Lists and forms without a reload ───────────────────────────────────────────────────────────────────────────────

function swap(answered, focus) {
  document.querySelector("main").replaceWith(document.adoptNode(answered.querySelector("main")));
  document.title = answered.title;
  prepare(document);
  document.querySelector(focus)?.focus({ preventScroll: true });
}

let visits = 0; // only the last one is shown

const withoutPlace = (address) => address.split("#")[0];
let shown = withoutPlace(window.location.href);

async function visit(address, busy, focus, isNew = true) {
  const number = ++visits;
  await whileBusy(busy, async () => {
    try {
      const answer = await fetch(address, { credentials: "same-origin" });
      const answered = page(await answer.text());
      if (number !== visits) return;
      if (!answer.ok || new URL(answer.url).pathname !== new URL(address).pathname || !answered.querySelector(".toolbar")) {
        if (isNew) window.location.assign(address); else window.location.reload();
        return;
      }
      if (isNew) history.pushState({ visit: true }, "", answer.url);
      shown = withoutPlace(window.location.href);
      swap(answered, focus);
    } catch {
      tell(AWAY);
    }
  });
}

// Where focus goes on: to what was used, in the new page.
const ROUND_LIST = ".toolbar a, .chips a, thead a, .foot nav a";

function sameElement(element) {
  const label = element.getAttribute("aria-label");
  if (label && !label.startsWith("Remove")) return `[aria-label="${CSS.escape(label)}"]`;
  return element.closest("thead") ? "thead [aria-sort] a" : element.closest(".segments") ? ".segments [aria-current]" : "#content";
}

// A form may have a field named "action", which hides the property; a button may lead elsewhere than its form.
const actionOf = (form, submitter) =>
  new URL(submitter?.getAttribute("formaction") ?? form.getAttribute("action"), window.location.href);

function addressOf(form, submitter) {
  const address = actionOf(form, submitter);
  const entered = [...new FormData(form, submitter)].filter(([, value]) => value !== "");
  address.search = new URLSearchParams(entered).toString();
  return address.href;
}

async function send(form, submitter) {
  if (form.dataset.sent) return; // the second of a double click: its response could not show the secret again
  form.dataset.sent = "yes";
  await whileBusy(submitter, async () => {
    try {
      const body = new URLSearchParams(new FormData(form, submitter));
      const answer = await fetch(actionOf(form), { method: "POST", body, credentials: "same-origin" });
      if (answer.redirected) {
        window.location.assign(answer.url);
        return;
      }
      receive(form, parsed(await answer.text()));
    } catch {
      tell(UNANSWERED); // it may have arrived
    }
  });
  delete form.dataset.sent;
}

function receive(form, answered) {
  const section = answered.querySelector("section.dialog");
  const dialog = form.closest("dialog");
  if (dialog && section) fill(dialog, section);
  else if (dialog) tell([...answered.querySelectorAll(".problem > p:not(.small)")].map((each) => each.textContent).join(" ") || UNANSWERED);
  else if (section && !form.closest(".dialog")) show(section, form.querySelector("button") ?? form);
  else swap(answered, "main [aria-invalid='true'], main [role='alert'], main h1");
}

async function testToken(form, submitter) {
  const place = form.parentElement.querySelector("output");
  place.textContent = "Testing…";
  await whileBusy(submitter, async () => {
    try {
      const body = new URLSearchParams(new FormData(form));
      const answer = await fetch(actionOf(form), { method: "POST", body, credentials: "same-origin" });
      const found = parsed(await answer.text()).querySelector(".answer");
      const failure = answer.redirected
        ? "You are signed out, so the token was not tested. Copy the secret before you leave this page."
        : "Unexpected response.";
      place.replaceChildren(...(found ? document.adoptNode(found).childNodes : [failure]));
    } catch {
      place.textContent = "Daypass could not be reached.";
    }
  });
}

// ── Progress ───────────────────────────────────────────────────────────────────────────────────────────────────────

const PROGRESS_MS = 1000;

async function follow(shown) {
  try {
    const answer = await fetch(window.location.href, { credentials: "same-origin" });
    if (answer.status >= 500) throw new Error("away");
    const part = answer.redirected ? null : page(await answer.text()).getElementById(shown.id);
    if (!part) { window.location.reload(); return; } // signed out
    if (!shown.isConnected) return;
    // The parent stays, and with it the focus, and what a screen reader watches.
    const isHere = shown.contains(document.activeElement);
    const isOver = !part.matches("[data-progress]");
    shown.replaceChildren(...document.adoptNode(part).childNodes);
    if (isHere) shown.querySelector("a")?.focus();
    if (isOver) { delete shown.dataset.progress; return; }
  } catch { } // Daypass is away: ask again
  setTimeout(() => follow(shown), PROGRESS_MS);
}

// ── Previews while typing ──────────────────────────────────────────────────────────────────────────────────────────

const TYPING_MS = 250;

function previewSoon(form) {
  clearTimeout(form.timer);
  form.parentElement.querySelector(".preview").replaceChildren(); // of what is not entered any more
  form.timer = setTimeout(() => preview(form), TYPING_MS);
}

async function preview(form) {
  clearTimeout(form.timer);
  const address = addressOf(form);
  form.dataset.shown = address;
  try {
    const answer = await fetch(address, { credentials: "same-origin" });
    const row = parsed(await answer.text()).getElementById(form.parentElement.id);
    if (form.dataset.shown !== address) return; // something else was entered meanwhile
    if (!row) { window.location.assign(address); return; } // signed out
    const found = row.querySelector(".preview");
    const isNews = found.querySelector("form, .error"); // not the current value
    form.parentElement.querySelector(".preview").replaceChildren(...(isNews ? document.adoptNode(found).childNodes : []));
    form.querySelector("[id]").ariaInvalid = row.querySelector("[aria-invalid]") ? "true" : "false";
  } catch {
    tell(AWAY);
  }
}

function discard(link) {
  const form = link.closest(".setting").querySelector("[data-preview]");
  form.reset();
  form.parentElement.querySelector(".preview").replaceChildren();
  form.querySelector("[id]").focus();
}

// ── Menus and keys ─────────────────────────────────────────────────────────────────────────────────────────────────

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== except) menu.open = false;
}

function moveInMenu(menu, key) {
  const items = [...menu.querySelectorAll(".menu-body > a, .menu-body button")];
  const at = items.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at < 0 ? -1 : at - 1, Home: 0, End: -1 }[key];
  menu.open = true;
  items.at(next % items.length)?.focus();
}

const TYPING = "input, textarea, select, [contenteditable]";

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("details.menu");
  if (event.key === "Escape" && mayBeLost()) {
    event.preventDefault(); // Chrome lets no page prevent the third "cancel"
  } else if (event.key === "Escape") {
    const open = document.querySelector("details.menu[open]");
    if (open) { open.open = false; open.querySelector("summary").focus(); }
  } else if (event.key === "/" && !event.target.closest(TYPING) && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const search = document.querySelector("main .search input");
    if (search && !document.querySelector("dialog[open]")) { event.preventDefault(); search.focus(); search.select(); }
  } else if (menu && ["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key) && !event.target.closest(TYPING)) {
    event.preventDefault();
    moveInMenu(menu, event.key);
  }
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  closeMenus(event.target.closest("details.menu"));
  const copy = event.target.closest("[data-copy]");
  if (copy) copyFrom(copy);
  if (link?.matches("[data-discard]") && !window.location.search.includes("value=")) { event.preventDefault(); discard(link); return; }
  const isPlain = !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0;
  if (link?.matches("[data-dialog]") && isPlain) {
    event.preventDefault();
    closeMenus();
    openDialog(link);
  } else if (link?.matches(ROUND_LIST) && link.href && isPlain && !link.matches("[download], [data-native]")) {
    event.preventDefault();
    visit(link.href, link, sameElement(link));
  } else if (!event.target.closest("a, button, input, label, summary, select, .menu-body") && isPlain && !getSelection().toString()) {
    event.target.closest("tbody tr")?.querySelector("a[data-row]")?.click();
  }
  if (event.target.closest("[data-done]") && hasCopied) { // nothing to ask
    event.preventDefault();
    window.location.assign(event.target.closest("[data-done]").dataset.done);
  }
});

document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (form?.matches("[data-preview]")) previewSoon(form);
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.matches("[data-native]")) return; // a test opens a window only without this script
  event.preventDefault();
  if (form.matches("[data-preview]")) { preview(form); return; }
  if (form.matches("[data-test]")) testToken(form, event.submitter);
  else if (form.method === "post") send(form, event.submitter);
  else if (form.matches(".toolbar form, .foot form")) visit(addressOf(form, event.submitter), event.submitter, form.matches(".search") ? "#q" : "#content");
  else window.location.assign(addressOf(form, event.submitter));
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-change] select")) event.target.form.requestSubmit();
  if (event.target.matches("[data-all] .box")) {
    for (const each of event.target.closest("table").querySelectorAll("tbody .pick")) each.checked = event.target.checked;
  }
});

// Links within a page, such as the one that skips to the content, change the address too.
window.addEventListener("popstate", () => {
  if (withoutPlace(window.location.href) !== shown) visit(window.location.href, null, "#content", false);
});

// A page in the back/forward cache must not hold a secret.
window.addEventListener("pagehide", () => {
  for (const field of document.querySelectorAll("[data-secret]")) {
    if ("value" in field) field.value = ""; else field.textContent = "";
  }
});
window.addEventListener("pageshow", (event) => {
  const done = document.querySelector("[data-done]");
  if (event.persisted && done) window.location.replace(done.dataset.done);
});

function prepare(part) {
  for (const button of part.querySelectorAll("[data-preview] > button")) button.hidden = true;
  for (const each of part.querySelectorAll("[data-copy], [data-all]")) each.hidden = false;
  for (const each of part.querySelectorAll("[data-progress]")) setTimeout(() => follow(each), PROGRESS_MS);
  for (const field of part.querySelectorAll("textarea.secret")) field.addEventListener("focus", () => field.select());
}

prepare(document);
