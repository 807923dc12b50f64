/** Where something that floats is put beside what it belongs to: its side, and which edges are in line. */
export type Placement = "bottom-start" | "bottom-end" | "top-start" | "top-end" | "right-start" | "left-start";

interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

interface Size {
  width: number;
  height: number;
}

const gap = 6;
const margin = 8;

/**
 * The left upper corner of something of the given size beside the anchor, in CSS pixels of the viewport. It changes sides where there is
 * no room, and stays within the viewport in any case.
 */
export function beside(anchor: Box, size: Size, viewport: Size, placement: Placement): { left: number; top: number } {
  const [side, align] = placement.split("-");
  let left = align === "end" ? anchor.right - size.width : anchor.left;
  let top = anchor.top;
  switch (side) {
    case "bottom":
      top = anchor.bottom + gap;
      if (top + size.height > viewport.height - margin && anchor.top - gap - size.height >= margin) top = anchor.top - gap - size.height;
      break;
    case "top":
      top = anchor.top - gap - size.height;
      if (top < margin && anchor.bottom + gap + size.height <= viewport.height - margin) top = anchor.bottom + gap;
      break;
    case "right":
      left = anchor.right + gap;
      if (left + size.width > viewport.width - margin && anchor.left - gap - size.width >= margin) left = anchor.left - gap - size.width;
      break;
    default:
      left = anchor.left - gap - size.width;
      if (left < margin && anchor.right + gap + size.width <= viewport.width - margin) left = anchor.right + gap;
  }
  return {
    left: Math.max(margin, Math.min(left, viewport.width - margin - size.width)),
    top: Math.max(margin, Math.min(top, viewport.height - margin - size.height)),
  };
}
