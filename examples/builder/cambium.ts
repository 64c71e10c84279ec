import { debian, image } from "cambium";

/** What both images have in common; each call gives a new value, so this one stays as it is. */
const base = image(debian("trixie", { variant: "distroless" }))
  .python({ packages: ["rich>=13"] })
  .copy("tree.py", "/app/")
  .user("app");

/** Images are values: a condition here is a condition, not another file. */
const depth = 2;

export default depth > 1 ? base.cmd("python", "tree.py", String(depth)) : base.cmd("python", "tree.py");
