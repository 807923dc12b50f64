document.getElementById("app").textContent = "The web client is not part of this build.";
