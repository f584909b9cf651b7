// Three small helps; every page works without them.
// 1. A form is sent once, however often its button is tapped.
// 2. An element with data-refresh-url shows that fragment anew every data-refresh-s seconds (default 2),
//    pauses while nobody looks, slows down and says so when the server does not answer, opens the page anew
//    when the session has ended or data-phase changes (other buttons then), and stops when the fragment comes without data-refresh-url.
// 3. After an error the summary has the focus, so that a screen reader begins there.
(function () {
  "use strict";

  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.hasAttribute("data-sent")) {
      event.preventDefault();
      return;
    }
    form.setAttribute("data-sent", "");
    if (event.submitter && event.submitter.classList.contains("button")) {
      event.submitter.setAttribute("aria-disabled", "true");
    }
    // Still here after this time: it was a download, or the network failed.
    window.setTimeout(function () { release(form); }, 15000);
  });

  function release(form) {
    form.removeAttribute("data-sent");
    form.querySelectorAll("[aria-disabled]").forEach(function (button) {
      button.removeAttribute("aria-disabled");
    });
  }

  // Back from the next page, out of the browser's memory: the form may be sent again.
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("[data-sent]").forEach(release);
  });

  function refresh(place, misses) {
    var every = (Number(place.getAttribute("data-refresh-s")) || 2) * 1000;
    window.setTimeout(function () {
      var url = place.getAttribute("data-refresh-url");
      if (!url || !place.isConnected) { return; }
      if (document.hidden) { refresh(place, misses); return; }
      fetch(url, { headers: { "X-Fragment": "1" }, redirect: "manual", cache: "no-store" })
        .then(function (response) {
          if (response.type === "opaqueredirect") { window.location.reload(); }
          if (!response.ok) { throw new Error("status"); }
          return response.text();
        })
        .then(function (text) {
          var fresh = new DOMParser().parseFromString(text, "text/html").body.firstElementChild;
          if (!fresh) { throw new Error("empty"); }
          if (fresh.getAttribute("data-phase") !== place.getAttribute("data-phase")) {
            window.location.reload();
            return;
          }
          if (place.contains(document.activeElement)) { refresh(place, 0); return; }
          place.replaceWith(fresh);
          if (fresh.hasAttribute("data-refresh-url")) { refresh(fresh, 0); }
        })
        .catch(function () {
          if (misses > 0) { place.classList.add("stale"); }
          refresh(place, Math.min(misses + 1, 5));
        });
    }, every * Math.pow(2, misses));
  }

  document.querySelectorAll("[data-refresh-url]").forEach(function (place) { refresh(place, 0); });

  var summary = document.querySelector("[data-focus]");
  if (summary) { summary.focus(); }
})();
