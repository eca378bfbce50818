// Gives the page life: the unit sends its parts once a second and what changed is put in place. Without it, or without the
// unit, the page still says what it knew and since when it knows nothing.
import { connect } from "./link.js";
import { clocks } from "./clocks.js";
import { crosshairs } from "./crosshair.js";
import { deeds } from "./deeds.js";
import { lost } from "./lost.js";

connect();
clocks();
lost();
crosshairs();
deeds();
addEventListener("pageshow", event => { if (event.persisted) location.reload(); });
