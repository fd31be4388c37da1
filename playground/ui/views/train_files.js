// Files of the viewer's own. The browser reads them and they travel as text beside the click: the server takes no
// uploads, and of a large picture it gets the small middle square that a lesson trains on.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const MOST_TEXT = 2_000_000, MOST_PICTURES = 500, MOST_SENT = 7_900_000; // bytes, files, letters of one request
  const SIDE = 64, SMALL = 16_000; // pixels, bytes of a file that goes as it is
  const KINDS = { text: ".txt,.md,text/plain", pictures: "image/png,image/jpeg,image/webp,image/gif,image/bmp" };

  function base64(blob) {
    return new Promise((done, fail) => {
      const reader = new FileReader();
      reader.onload = () => done(String(reader.result).replace(/^[^,]*,?/, ""));
      reader.onerror = () => fail(reader.error);
      reader.readAsDataURL(blob);
    });
  }

  /** The middle square of a picture as a small PNG; null where the browser can make nothing of it. */
  async function square(file) {
    try {
      const picture = await createImageBitmap(file), { width, height } = picture;
      const side = Math.min(width, height), canvas = document.createElement("canvas");
      canvas.width = canvas.height = Math.min(SIDE, side);
      const pen = canvas.getContext("2d");
      pen.imageSmoothingQuality = "high";
      pen.drawImage(picture, (width - side) / 2, (height - side) / 2, side, side, 0, 0, canvas.width, canvas.height);
      picture.close();
      return await new Promise((done) => canvas.toBlob(done, "image/png"));
    } catch {
      return null;
    }
  }

  /** {files: [{name, data}]} as the server takes them, or {error}. */
  async function pack(files, text) {
    const size = files.reduce((sum, file) => sum + file.size, 0);
    if (text && size > MOST_TEXT) return { error: `The texts have ${playground.count(size)} bytes; at most ${playground.count(MOST_TEXT)} can be used: give a part of them.` };
    if (!text && files.length > MOST_PICTURES) return { error: `There are ${playground.count(files.length)} pictures; at most ${MOST_PICTURES} can be used.` };
    const found = [];
    let letters = 0;
    for (const file of files) {
      let data = "";
      try {
        const blob = text || file.size <= SMALL ? file : await square(file);
        data = blob ? await base64(blob) : "";
      } catch {
        return { error: `${file.name.slice(0, 60)} cannot be read.` };
      }
      letters += data.length;
      if (letters > MOST_SENT) return { error: "These are too many pictures for one time: choose fewer." };
      found.push({ name: file.name.slice(0, 60), data });
    }
    return { files: found };
  }

  /** Lets the viewer choose files; `give` gets what `pack` makes of them. `text`: texts, not pictures. */
  playground.trainFiles = (text, give) => {
    const input = document.createElement("input");
    Object.assign(input, { type: "file", multiple: true, accept: text ? KINDS.text : KINDS.pictures });
    input.addEventListener("change", async () => {
      if (input.files.length) give(await pack([...input.files], text));
    });
    input.click();
  };
})();
