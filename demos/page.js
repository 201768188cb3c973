// What gradio's components lack for those who hear a page or use it by keyboard alone.
() => {
  const STEP = 0.05;  // of the picture's width, for each press of an arrow key

  function mend() {
    // A name that hides the words one sees.
    for (const upload of document.querySelectorAll("button.upload-container[aria-label]")) {
      upload.removeAttribute("aria-label");
    }
    // A name on what has no role.
    for (const empty of document.querySelectorAll("div.empty[aria-label]:not([role])")) {
      empty.setAttribute("role", "img");
    }
    const names = ["Before: grey", "After: in colour"];
    document.querySelectorAll("#result img[data-testid=imageslider-image]").forEach((image, index) => {
      if (!image.alt) image.alt = names[index];
    });
    for (const handle of document.querySelectorAll("#result [data-testid=slider]:not([tabindex])")) {
      makeSlider(handle);
    }
  }

  function makeSlider(handle) {
    const place = () => {
      const picture = handle.parentElement.getBoundingClientRect();
      const box = handle.getBoundingClientRect();
      return {picture, x: box.x + box.width / 2, y: box.y + box.height / 2};
    };
    const tell = () => {
      const {picture, x} = place();
      handle.setAttribute("aria-valuenow", Math.round((100 * (x - picture.x)) / picture.width));
    };
    const attributes = {
      role: "slider", tabindex: "0", "aria-label": "Share of the grey picture, per cent",
      "aria-valuemin": "0", "aria-valuemax": "100",
    };
    for (const [name, value] of Object.entries(attributes)) handle.setAttribute(name, value);
    handle.addEventListener("keydown", (event) => {
      const turn = {ArrowLeft: -1, ArrowRight: 1}[event.key];
      if (!turn) return;
      event.preventDefault();
      const {picture, x, y} = place();
      const to = Math.min(picture.right, Math.max(picture.left, x + turn * STEP * picture.width));
      const send = (target, type, clientX) => target.dispatchEvent(
        new MouseEvent(type, {view: window, bubbles: true, button: 0, clientX, clientY: y}));
      send(handle, "mousedown", x);
      send(window, "mousemove", to);
      send(window, "mouseup", to);
      requestAnimationFrame(tell);
    });
    handle.addEventListener("mouseup", tell);
    tell();
  }

  new MutationObserver(mend).observe(document.body, {childList: true, subtree: true});
  mend();
}
