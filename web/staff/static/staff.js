// How many characters are left in a text; the limit itself is checked by the server.
(function () {
  "use strict";

  document.querySelectorAll("[data-count-of]").forEach(function (place) {
    var field = document.getElementById(place.getAttribute("data-count-of"));
    var most = Number(place.getAttribute("data-count-most"));
    function show() {
      var left = most - Array.from(field.value).length;
      place.classList.toggle("count--over", left < 0);
      place.textContent = place.getAttribute(left < 0 ? "data-count-over" : "data-count-left")
        .replace("{n}", Math.abs(left).toLocaleString());
    }
    field.addEventListener("input", show);
    show();
  });
})();
