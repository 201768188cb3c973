// A picture from the camera.

/**
 * @param {string} selector
 * @returns {any}
 */
const find = (selector) => document.querySelector(selector);

/** Whether this browser lets a page ask for a camera. */
export const hasCamera = Boolean(navigator.mediaDevices?.getUserMedia);

/**
 * Ask for a picture; null if none was taken.
 *
 * @returns {Promise<Blob | null>}
 */
export async function takePicture() {
  /** @type {HTMLDialogElement} */
  const dialog = find("#camera");
  /** @type {HTMLVideoElement} */
  const video = find("#camera video");
  const stream = await navigator.mediaDevices
    .getUserMedia({ video: { facingMode: "environment", width: { ideal: 3840 } } })
    .catch((error) => {
      throw new Error(`The camera cannot be used: ${error.message}.`);
    });
  const take = /** @type {HTMLButtonElement} */ (find("#camera .main"));
  take.disabled = true; // until there is something to take
  video.addEventListener("loadeddata", () => (take.disabled = false), { once: true });
  video.srcObject = stream;
  dialog.returnValue = "";
  dialog.showModal();
  try {
    await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
    return dialog.returnValue === "take" ? await stillOf(video) : null;
  } finally {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  }
}

/**
 * @param {HTMLVideoElement} video
 * @returns {Promise<Blob | null>}
 */
function stillOf(video) {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d")?.drawImage(video, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve));
}
