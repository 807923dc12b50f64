import { defineStore } from "pinia";
import { shallowRef } from "vue";

export type ToastTone = "info" | "success" | "danger";

export interface ToastOptions {
  tone?: ToastTone;
  /** A button with which the user may follow up, say take it back. */
  action?: { label: string; run(): unknown };
}

export interface Toast extends ToastOptions {
  id: number;
  text: string;
  tone: ToastTone;
}

/** How many are shown at once: older ones give way. */
const most = 3;

/** Short notes of what has happened. What went wrong with something that is still on the screen is said there, not here. */
export const useToasts = defineStore("toasts", () => {
  const toasts = shallowRef<readonly Toast[]>([]);
  let lastId = 0;

  /** Shows a note; it goes by itself, a little later if there is something to press. */
  function show(text: string, options: ToastOptions = {}): void {
    const toast: Toast = { tone: "info", ...options, text, id: ++lastId };
    toasts.value = [...toasts.value.filter((other) => other.text !== text), toast].slice(-most);
  }

  function dismiss(id: number): void {
    toasts.value = toasts.value.filter((toast) => toast.id !== id);
  }

  return { toasts, show, dismiss };
});
