// Passkeys: a form with data-passkey ("create" or "get") asks the authenticator before it is sent.
// The options are in data-options (WebAuthn's JSON form); the answer goes into the field data-passkey-answer.
(function () {
  "use strict";

  function octets(text) {
    var plain = window.atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, function (letter) { return letter.charCodeAt(0); });
  }

  function written(buffer) {
    var plain = "";
    new Uint8Array(buffer).forEach(function (octet) { plain += String.fromCharCode(octet); });
    return window.btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  function read(text) {
    var options = JSON.parse(text);
    options.challenge = octets(options.challenge);
    if (options.user) { options.user.id = octets(options.user.id); }
    (options.allowCredentials || []).concat(options.excludeCredentials || []).forEach(function (each) {
      each.id = octets(each.id);
    });
    return options;
  }

  function answer(credential) {
    var response = { clientDataJSON: written(credential.response.clientDataJSON) };
    ["attestationObject", "authenticatorData", "signature", "userHandle"].forEach(function (part) {
      if (credential.response[part]) { response[part] = written(credential.response[part]); }
    });
    return JSON.stringify({
      id: credential.id, rawId: written(credential.rawId), type: credential.type, response: response
    });
  }

  document.addEventListener("submit", function (event) {
    var form = event.target;
    var how = form.getAttribute("data-passkey");
    if (!how) { return; }
    event.preventDefault();
    event.stopImmediatePropagation();
    if (form.hasAttribute("data-asking")) { return; }
    form.setAttribute("data-asking", "");
    var failed = form.querySelector("[data-passkey-failed]");
    failed.hidden = true;
    Promise.resolve()
      .then(function () {
        return navigator.credentials[how]({ publicKey: read(form.getAttribute("data-options")) });
      })
      .then(function (credential) {
        form.querySelector("[data-passkey-answer]").value = answer(credential);
        form.submit();
      })
      .catch(function () {
        failed.hidden = false;
        form.removeAttribute("data-asking");
      });
  }, true);

  // Back from the next page, out of the browser's memory: it may be asked again.
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("[data-asking]").forEach(function (form) { form.removeAttribute("data-asking"); });
  });
})();
