// Copy buttons, dialogs shown in place, the test of a token, and menus. Every page works without it.
"use strict";

function copyFrom(button) {
  const field = document.getElementById(button.dataset.copy);
  const label = document.querySelector(`label[for="${field.id}"]`).textContent;
  const status = document.getElementById("copied");
  const finish = (isDone) => {
    button.firstChild.data = isDone ? "Copied" : "Press Ctrl+C";
    if (status) status.textContent = isDone ? `${label} copied` : `${label} is selected; press Control and C to copy it`;
    setTimeout(() => { button.firstChild.data = "Copy"; }, 3000);
  };
  field.focus();
  field.select();
  // Without HTTPS, off localhost, there is no clipboard; execCommand may work, else the text stays selected.
  if (navigator.clipboard && window.isSecureContext) {
    navigator.clipboard.writeText(field.value).then(() => finish(true), () => finish(false));
  } else {
    finish(document.execCommand("copy"));
  }
}

let opening = false; // a second click must not open a second dialog

async function fetchDialog(address) {
  const answer = await fetch(address, { credentials: "same-origin" });
  if (!answer.ok || answer.redirected) return null;
  return new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("section.dialog");
}

async function openDialog(link) {
  if (opening) return;
  opening = true;
  const found = await fetchDialog(link.href).catch(() => null);
  opening = false;
  if (!found) { // signed out, or gone: the page itself shows why
    window.location.assign(link.href);
    return;
  }
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-labelledby", "dialog-title");
  found.removeAttribute("aria-labelledby");
  dialog.append(document.adoptNode(found));
  dialog.addEventListener("close", () => {
    dialog.remove();
    (link.closest("details:not([open])")?.querySelector("summary") ?? link).focus();
  });
  let pressed = null; // a selection dragged out of the dialog ends on the backdrop
  dialog.addEventListener("pointerdown", (event) => { pressed = event.target; });
  dialog.addEventListener("click", (event) => {
    if ((event.target === dialog && pressed === dialog) || event.target.closest("[data-close]")) {
      event.preventDefault();
      dialog.close();
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  // Without a field to fill in, focus the title, not the button that revokes.
  if (!dialog.querySelector("[autofocus]")) {
    const title = dialog.querySelector("h1");
    title.tabIndex = -1;
    title.focus();
  }
}

async function testToken(form) {
  const place = form.querySelector(".test-answer");
  place.textContent = "Testing…";
  try {
    const body = new URLSearchParams(new FormData(form));
    const answer = await fetch(form.action, { method: "POST", body, credentials: "same-origin" });
    const found = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".answer");
    const failure = answer.redirected
      ? "You are signed out, so the token was not tested. Copy the secret before you leave this page."
      : "Unexpected response.";
    place.replaceChildren(found ? document.adoptNode(found) : failure);
  } catch {
    place.textContent = "Daypass could not be reached.";
  }
}

document.addEventListener("click", (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) copyFrom(copy);
  const link = event.target.closest("a[data-dialog]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && window.HTMLDialogElement) {
    event.preventDefault();
    openDialog(link);
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target) || link) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("[data-test]")) {
    event.preventDefault();
    testToken(form);
  } else if (form.method === "post") {
    // Ignore the second of a double click: its response could not show the secret again.
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(() => { delete form.dataset.sent; }, 5000); // the response may have been stopped
  }
});

// A page in the back/forward cache must not hold a secret.
window.addEventListener("pagehide", () => {
  for (const field of document.querySelectorAll("[data-secret]")) field.value = "";
});
window.addEventListener("pageshow", (event) => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  const done = document.querySelector("a[data-done]");
  if (event.persisted && done) window.location.replace(done.href);
});

for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
for (const field of document.querySelectorAll(".copyable [readonly]")) {
  field.addEventListener("focus", () => field.select());
}
