/** Places as keys of maps, and as paths of the API. */
import type { Place, PlaceKey } from "./parley.js";

/** The key under which a place is known. */
export function keyOf(place: Place): PlaceKey {
  return place.kind === "channel" ? `c${place.id}` : `d${place.id}`;
}

/** The place that has a key. */
export function placeOf(key: PlaceKey): Place {
  return { kind: key.startsWith("c") ? "channel" : "direct", id: Number(key.slice(1)) };
}
