// The view, and moving it: smoothly, by drag, wheel and pinch.

import { listen } from './dom.js';
import { clamped, whole } from './region.js';

/** The fraction of the remaining distance that a smooth movement covers per frame. */
const EASE = 0.3;
/** Milliseconds without a movement until the view counts as at rest. */
const REST = 250;

/** The view: `view` is the drawn region, `target` the region that it moves to; `moving` until it is at rest. */
export class Place {
  /** `onMove()` is called for each frame, `onTarget()` for each new target, `onRest()` at the end. */
  constructor(lengthOf, { onMove, onTarget, onRest }) {
    Object.assign(this, { lengthOf, onMove, onTarget, onRest, view: null, target: null, moving: false });
    this.calm = matchMedia('(prefers-reduced-motion: reduce)');
  }

  /**
   * Goes to a region on a known sequence; smoothly if requested and on the same sequence. A `loose`
   * region may lie between bases until it is at rest.
   */
  go(region, { smooth = false, loose = false } = {}) {
    const onSequence = clamped(region, this.lengthOf(region.seq));
    this.target = loose ? onSequence : whole(onSequence);
    if (smooth && this.view?.seq === region.seq && !this.calm.matches) {
      this.frame ??= requestAnimationFrame(() => this.step());
    } else {
      cancelAnimationFrame(this.frame);
      this.frame = null;
      this.view = this.target;
    }
    this.moving = loose || Boolean(this.frame);
    this.onMove();
    this.onTarget();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => (loose ? this.go(this.target, { smooth: true }) : this.rest()), REST);
  }

  /** Called after a pause; a movement that takes longer ends first. */
  rest() {
    if (this.frame) {
      this.resting = setTimeout(() => this.rest(), REST);
      return;
    }
    this.moving = false;
    this.onMove();
    this.onRest();
  }

  /** Moves by a fraction of the view. */
  pan(part, how = { smooth: true }) {
    if (!this.target) return;
    const { seq, start, end } = this.target;
    const by = part * (end - start);
    this.go({ seq, start: start + by, end: end + by }, how);
  }

  /** Makes the view `factor` times as wide, around the position at this fraction of it. */
  zoom(factor, part = 0.5, how = { smooth: true }) {
    if (!this.target) return;
    const { seq, start, end } = this.target;
    const width = Math.min(Math.max((end - start) * factor, 1), this.lengthOf(seq));
    const from = start + part * (end - start - width);
    this.go({ seq, start: from, end: from + width }, how);
  }

  /** Draws a frame of a smooth movement. */
  step() {
    const { view, target } = this;
    const close = Math.abs(view.start - target.start) + Math.abs(view.end - target.end) < (target.end - target.start) * 0.004;
    const toward = key => view[key] + (target[key] - view[key]) * EASE;
    this.view = close ? target : { seq: target.seq, start: toward('start'), end: toward('end') };
    this.frame = close ? null : requestAnimationFrame(() => this.step());
    this.onMove();
  }

  /**
   * Lets the pointer move the view over `element`, where `over(target)` is true. The wheel zooms if
   * `zooms(event)` is true, otherwise it scrolls the page.
   */
  follow(element, over, zooms) {
    const fingers = new Map();
    const partOf = x => (x - element.getBoundingClientRect().left) / element.clientWidth;
    element.addEventListener('wheel', event => {
      const { deltaX, deltaY } = event;
      const along = Math.abs(deltaX) > Math.abs(deltaY) || event.shiftKey;
      if (!over(event.target) || !(along || zooms(event))) return;
      event.preventDefault();
      const unit = [1, 16, 400][event.deltaMode];
      if (along) {
        this.pan(((deltaX || deltaY) * unit) / element.clientWidth, { loose: true });
      } else {
        const exponent = deltaY * unit * (event.ctrlKey ? 0.01 : 0.0016);
        this.zoom(Math.exp(Math.min(Math.max(exponent, -1), 1)), partOf(event.clientX), { smooth: true, loose: true });
      }
    }, { passive: false });
    listen(element, 'pointerdown', event => {
      if (!over(event.target) || event.button !== 0) return;
      event.target.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, event.clientX);
    });
    listen(element, 'pointermove', event => {
      if (!fingers.has(event.pointerId) || !this.target) return;
      // One finger counts as two at the same position.
      const ends = () => [Math.min(...fingers.values()), Math.max(...fingers.values())];
      const before = ends();
      fingers.set(event.pointerId, event.clientX);
      const after = ends();
      const gap = ([a, b]) => Math.max(b - a, 20);
      const middle = ([a, b]) => (a + b) / 2;
      this.pan((middle(before) - middle(after)) / element.clientWidth, { loose: true });
      if (fingers.size > 1) this.zoom(gap(before) / gap(after), partOf(middle(after)), { loose: true });
    });
    listen(element, 'pointerup pointercancel', event => fingers.delete(event.pointerId));
    listen(element, 'dblclick', event => {
      if (over(event.target)) this.zoom(0.5, partOf(event.clientX));
    });
  }
}
