// What gradio's components lack for those who hear a page or use it by keyboard alone.
() => {
  const STEP = 0.05;  // of the picture's width, for each press of an arrow key

  const BUTTONS = {  // that show a sign only
    "button.upload-container.icon-mode": "Add files",
    ".color-picker .swatch": "Chosen colour",
    ".color-picker .eyedropper": "Pick a colour from the screen",
    ".color-picker input[type=text]": "Chosen colour as text",
  };
  const PICTURES = {
    canvas: "Grey photo", wished: "In colour",
    "side-0": "In colour by model 1", "side-1": "In colour by model 2",
  };

  function mend() {
    // A name that hides the words one sees.
    for (const upload of document.querySelectorAll("button.upload-container[aria-label]:not(.icon-mode)")) {
      upload.removeAttribute("aria-label");
    }
    for (const [which, name] of Object.entries(BUTTONS)) {
      for (const button of document.querySelectorAll(which)) button.setAttribute("aria-label", name);
    }
    for (const button of document.querySelectorAll("button.icon-button:has(.icon-mode)")) unmake(button, "Add files");
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
    // A number in place of what one sees.
    for (const caption of document.querySelectorAll(".thumbnail-item > .caption-label")) {
      caption.parentElement.setAttribute("aria-label", caption.textContent);
      caption.parentElement.querySelector("img").alt = "";
    }
    for (const [place, name] of Object.entries(PICTURES)) {
      const image = document.querySelector(`#${place} button img`);
      if (!image) continue;
      image.alt = name;
      unmake(image.closest("button"), name);
    }
    document.querySelector("#note")?.setAttribute("role", "status");  // a result is told when it is there
    for (const image of document.querySelectorAll("#canvas img:not([tabindex])")) makeCanvas(image);
  }

  // A button that does nothing of its own, around something that does.
  function unmake(button, name) {
    button.setAttribute("role", "group");
    button.setAttribute("aria-label", name);
    button.tabIndex = -1;
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

  // Hints: what is drawn on the grey photo is told as shares of its width and height.
  const GAP = 0.006;  // of the width, between two places of a stroke

  function tell(gesture) {
    const field = document.querySelector("#gesture textarea, #gesture input");
    field.value = JSON.stringify({...gesture, at: Date.now()});
    field.dispatchEvent(new Event("input", {bubbles: true}));
  }

  function makeCanvas(image) {
    let places = null;
    let mark = [0.5, 0.5];  // of those who draw by keyboard
    const line = document.createElement("canvas");
    line.className = "line";
    line.setAttribute("aria-hidden", "true");
    image.after(line);
    const color = () => document.querySelector("#brush .dialog-button").style.backgroundColor;
    const cover = () => {
      Object.assign(line.style, {
        left: `${image.offsetLeft}px`, top: `${image.offsetTop}px`,
        width: `${image.clientWidth}px`, height: `${image.clientHeight}px`,
      });
      [line.width, line.height] = [image.clientWidth, image.clientHeight];
    };
    const draw = (points, style, size) => {
      const pen = line.getContext("2d");
      pen.fillStyle = style;
      for (const [across, down] of points) {
        pen.beginPath();
        pen.arc(across * line.width, down * line.height, size, 0, 2 * Math.PI);
        pen.fill();
      }
    };
    const place = (event) => {
      const box = image.getBoundingClientRect();
      const inside = (share) => Math.min(1, Math.max(0, share));
      return [inside((event.clientX - box.x) / box.width), inside((event.clientY - box.y) / box.height)];
    };
    image.draggable = false;
    const attributes = {
      tabindex: "0", role: "application",
      "aria-label": "Grey photo: the arrow keys move a mark, Enter puts the colour there",
    };
    for (const [name, value] of Object.entries(attributes)) image.setAttribute(name, value);
    image.addEventListener("load", cover);
    image.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      cover();
      image.setPointerCapture(event.pointerId);
      places = [place(event)];
      draw(places, color(), 4);
    });
    image.addEventListener("pointermove", (event) => {
      if (!places) return;
      const to = place(event);
      const last = places.at(-1);
      const steps = Math.floor(Math.hypot(to[0] - last[0], to[1] - last[1]) / GAP);
      for (let step = 1; step <= steps && places.length < 400; step++) {
        places.push([0, 1].map((axis) => last[axis] + (to[axis] - last[axis]) * step / steps));
      }
      draw(places, color(), 4);
    });
    image.addEventListener("pointerup", () => {
      if (places) tell({places});
      places = null;
    });
    image.addEventListener("pointercancel", () => { places = null; cover(); });
    image.addEventListener("keydown", (event) => {
      const turn = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
      if (event.key === "Enter" || event.key === " ") tell({places: [mark]});
      else if (turn) mark = mark.map((at, axis) => Math.min(1, Math.max(0, at + 0.02 * turn[axis])));
      else return;
      event.preventDefault();
      cover();
      draw([mark], "#fff", 7);
      draw([mark], color(), 5);
    });
  }

  document.addEventListener("click", (event) => {
    const swatch = event.target.closest?.("#likely .swatch");
    if (swatch) tell({color: swatch.dataset.color});
  });

  new MutationObserver(mend).observe(document.body, {childList: true, subtree: true});
  mend();
}
